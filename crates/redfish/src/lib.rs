//! A Redfish client.
