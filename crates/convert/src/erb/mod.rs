//! ERB, as Foreman's templates are written in it.
