//! One fuzzer for every target: `SLIPWAY_FUZZ` says which.

#![no_main]

use fuzz_targets::Target;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("SLIPWAY_FUZZ").expect("SLIPWAY_FUZZ names the target");
    fuzz_targets::find(&name).unwrap_or_else(|| panic!("there is no target {name}"))
});

fuzz_target!(|input: &[u8]| (TARGET.run)(input));
