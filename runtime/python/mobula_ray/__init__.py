"""What Mobula runs on a Ray cluster: a hub, a session for each driver, and the shim between a Ray worker and Node."""
