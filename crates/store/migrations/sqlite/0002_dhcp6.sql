-- Addresses given by DHCPv6: to a client (DUID, in hexadecimal) for one of its associations (IAID).
-- A new table: nothing that is stored is touched. The server's own DUID is in meta.
CREATE TABLE dhcp6_leases (
    address     TEXT PRIMARY KEY,
    client      TEXT NOT NULL,
    association INTEGER NOT NULL,
    mac         TEXT,
    state       TEXT NOT NULL,
    since       INTEGER NOT NULL,
    expires     INTEGER NOT NULL
) STRICT;
CREATE INDEX dhcp6_leases_of_mac ON dhcp6_leases (mac) WHERE mac IS NOT NULL;
