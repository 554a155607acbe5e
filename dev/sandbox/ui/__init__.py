"""The sandbox's pages: what a ticket's link opens, and the tenant's control page."""
