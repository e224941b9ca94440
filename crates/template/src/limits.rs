//! How much one render may take. A template is a text of some pages; what exceeds these is a mistake or an attack.

use std::time::Duration;

/// The longest template: sixty times the longest preseed file we know.
pub const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// The longest result: one initrd's worth of text is a mistake.
pub const MAX_OUTPUT_BYTES: usize = 4 << 20;
/// The longest that one render may take: a thousand times what a kickstart of 200 lines does.
pub const MAX_DURATION: Duration = Duration::from_secs(2);
/// How deep snippets may lie in one another.
pub const MAX_SNIPPET_DEPTH: usize = 16;
/// How deep parameters that are templates may read one another.
pub const MAX_PARAM_DEPTH: usize = 8;
/// How many snippets one render may take in, those in loops counted each time.
pub const MAX_SNIPPETS: usize = 2_000;

/// How much of a thread's stack templates within one another may take; threads of the server have two megabytes.
pub(crate) const MAX_STACK_BYTES: usize = 1 << 20;
/// Instructions of the template machine: about a second of work, thousands of times what a boot script takes.
pub(crate) const FUEL: u64 = 2_000_000;
/// Depth of macros and includes that call each other; the engine counts 4 for a macro and 10 for an include.
pub(crate) const RECURSION_LIMIT: usize = 120;
