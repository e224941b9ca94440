//! One out-of-band interface over every kind of BMC.
