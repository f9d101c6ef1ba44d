"""The runtime built in the account, for a head that cannot build the one its queue needs."""
