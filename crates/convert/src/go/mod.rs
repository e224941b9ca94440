//! Go's `text/template`, as Digital Rebar's content is written in it.
