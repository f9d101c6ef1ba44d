"""Who may do what: the permissions that AWS has to grant, as one table, and policies made of it."""
