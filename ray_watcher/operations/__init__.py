"""Workers by hand: the inventory, adding, draining and removing."""
