//! The inputs that are checked in do what inputs may: those that fuzzing began with, and those that it found.

use fuzz_targets::TARGETS;
use std::fs;
use std::path::Path;

#[test]
fn every_input_of_every_corpus_is_borne() {
    for target in TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target.name);
        let inputs = fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
        let mut count = 0;
        for input in inputs {
            let path = input.expect("the folder can be read").path();
            println!("{}", path.display());
            (target.run)(&fs::read(&path).expect("the input can be read"));
            count += 1;
        }
        assert!(count > 0, "{} has no input", corpus.display());
    }
}

#[test]
fn no_target_stumbles_over_nothing_or_noise() {
    for target in TARGETS {
        (target.run)(&[]);
        for byte in 0..=u8::MAX {
            (target.run)(&[byte; 700]);
        }
    }
}
