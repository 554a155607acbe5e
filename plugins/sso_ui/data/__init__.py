"""What the pages show: runs, reports, uploads, previews and the ledger."""
