"""What became of each link: how far its customer has come with the setup of the connection."""
