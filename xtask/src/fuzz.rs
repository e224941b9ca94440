//! `cargo xtask fuzz`: the parsers of outside bytes against bytes that look for their mistakes.
//!
//! The toolchain of this repository is enough: the instruments are options of its compiler, and libFuzzer is built
//! from the source in `libfuzzer-sys`, for which a C++ compiler is needed. Inputs that cover something new are kept
//! in `target/fuzz`, so that a later run goes on where this one ended.

use crate::{cargo, command, packages, place};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What to run, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this target; may be given more than once.
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Run one input once, and show what it does. Needs --target.
    #[arg(long, value_name = "FILE", requires = "targets")]
    input: Option<PathBuf>,
}

/// What the compiler adds to every branch and comparison, so that libFuzzer sees which are reached.
const INSTRUMENTS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";
/// The longest that one input may take, in seconds. A template may work for one.
const PATIENCE: u64 = 10;
/// The most memory that one input may take.
const MEMORY_MIB: u64 = 1024;
/// Larger than any DHCP packet; a document or template of this length has room for every feature.
const LONGEST_INPUT: usize = 4096;

/// Runs the targets, one after the other.
pub(crate) fn run(options: &Options) -> Result<()> {
    let targets = targets()?;
    for name in &options.targets {
        ensure!(targets.contains(name), "there is no target {name}; there are {}", targets.join(", "));
    }
    packages::ensure_compiler_for_cpp()?;
    let fuzzer = build()?;
    let wanted = |target: &&String| options.targets.is_empty() || options.targets.contains(target);
    let mut found = Vec::new();
    for target in targets.iter().filter(wanted) {
        match &options.input {
            Some(input) => command::show(fuzzer_for(&fuzzer, target).arg(input))?,
            None if explore(&fuzzer, target, options.seconds)? => {}
            None => found.push(target.as_str()),
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "{} failed. What each found lies in target/fuzz/found. See it again with: cargo xtask fuzz --target NAME \
         --input FILE; once it is mended, put the file into fuzz/corpus/NAME, where the tests replay it",
        found.join(", ")
    )
}

/// The names of the targets: each has a corpus.
fn targets() -> Result<Vec<String>> {
    let folder = place::root().join("fuzz/corpus");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Builds the fuzzer; gives the program.
fn build() -> Result<PathBuf> {
    let host = host()?;
    let folder = place::root().join("target/fuzz/build");
    // With a target named, build scripts and macros are built without instruments.
    let mut build = cargo::command();
    build.args(["build", "--quiet", "--release", "--target", &host, "--manifest-path", "fuzz/Cargo.toml"]);
    command::show(build.env("RUSTFLAGS", INSTRUMENTS).env("CARGO_TARGET_DIR", &folder))?;
    Ok(folder.join(host).join("release/fuzz"))
}

/// The platform that the compiler runs on.
fn host() -> Result<String> {
    let said = command::run(Command::new("rustc").arg("-vV").current_dir(place::root()))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV does not name its host")
}

fn fuzzer_for(fuzzer: &Path, target: &str) -> Command {
    let mut command = Command::new(fuzzer);
    command.env("SLIPWAY_FUZZ", target).arg(format!("-timeout={PATIENCE}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB}")).arg(format!("-max_len={LONGEST_INPUT}"));
    command
}

/// Runs one target for a while, from what is checked in and what earlier runs have kept. Gives whether all was well.
fn explore(fuzzer: &Path, target: &str, seconds: u64) -> Result<bool> {
    let folder = |name: &str| -> Result<PathBuf> {
        let path = place::root().join("target/fuzz").join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(path)
    };
    let kept = folder(&format!("corpus/{target}"))?;
    let log = folder("log")?.join(format!("{target}.log"));
    let mut found = OsString::from("-artifact_prefix=");
    found.push(folder("found")?.join(format!("{target}-")));
    let mut run = fuzzer_for(fuzzer, target);
    run.arg(found).arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
    run.arg(kept).arg(place::root().join("fuzz/corpus").join(target));
    let file = std::fs::File::create(&log).with_context(|| format!("making {}", log.display()))?;
    let status = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).status().context("starting the fuzzer")?;
    let said = std::fs::read_to_string(&log).context("reading what the fuzzer said")?;
    if status.success() {
        println!("{target}: {} inputs in {seconds} s, nothing found", inputs_of(&said).unwrap_or("some"));
    } else {
        println!("{target}: {status}\n{}", last_lines(&said));
    }
    Ok(status.success())
}

/// How many inputs were run, as the fuzzer says at its end.
fn inputs_of(log: &str) -> Option<&str> {
    log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).map(str::trim)
}

/// The end of the log: what was found, and where.
fn last_lines(log: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_inputs_is_read_from_the_fuzzers_last_words() {
        let log = "#2\tINITED\nDone 12 runs\nstat::number_of_executed_units: 1234\nstat::peak_rss_mb: 50\n";
        assert_eq!(inputs_of(log), Some("1234"));
        assert_eq!(inputs_of("==1== ERROR: libFuzzer: deadly signal"), None);
    }
}
