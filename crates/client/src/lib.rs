//! Placeholder until its code comes.
