//! `cargo xtask e2e`: what takes real machines in QEMU and more time than a test may.

use crate::demo::Lab;
use crate::{cargo, debian_installer, maintenance_os, packages, place};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Rounds that may go by without a kill: then something else is wrong.
const MAX_ROUNDS_WITHOUT_KILLS: usize = 2;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to see.
    #[arg(value_enum, default_value_t = Scene::All)]
    scene: Scene,
    /// How often the server is killed in all: the crash scene is played until it was.
    #[arg(long, default_value_t = 50)]
    kills_total: usize,
    /// How often the server is killed in each round.
    #[arg(long, default_value_t = 5)]
    kills: u32,
    /// The first round's seed; each later round takes the next number. Without it, any.
    #[arg(long)]
    seed: Option<u64>,
}

/// What there is to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scene {
    /// Two machines from power-on to DEPLOYED.
    Demo,
    /// The same with the server killed again and again: nothing is done twice.
    Crash,
    /// Deployed machines boot from their disks while the server is down.
    Offline,
    /// Debian's own installer installs Debian from a mirror of ours, until the new system says that it is up. Takes
    /// most of an hour, and is no part of all.
    DebianInstaller,
    /// All but the installer.
    All,
}

impl Scene {
    fn includes(self, other: Self) -> bool {
        (self == Self::All && other != Self::DebianInstaller) || self == other
    }
}

/// Plays the scenes.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.scene == Scene::DebianInstaller {
        return debian_installer();
    }
    let lab = Lab::build()?;
    if options.scene.includes(Scene::Demo) {
        play(&lab, "demo", &[])?;
    }
    if options.scene.includes(Scene::Offline) {
        play(&lab, "offline", &["--offline", "bios,uefi"])?;
    }
    if options.scene.includes(Scene::Crash) {
        crash(&lab, options)?;
    }
    Ok(())
}

/// The test that sees the installer begin, with a mirror that lets it end. Every wait in it has its limit.
fn debian_installer() -> Result<()> {
    const TEST: &str = "the_debian_installer_follows_the_answers_that_are_made_for_its_machine";
    packages::ensure_installed()?;
    maintenance_os::build()?;
    debian_installer::netboot()?;
    let mirror = debian_installer::mirror()?;
    println!("== debian-installer, from {}", mirror.display());
    let began = Instant::now();
    let mut test = cargo::command();
    test.args(["test", "--package", "slipway", "--test", "qemu_installer", TEST, "--", "--exact", "--nocapture"]);
    let status = test.env("SLIPWAY_DEBIAN_INSTALLER_MIRROR", &mirror).status().context("starting the test")?;
    println!("{status} after {} min", began.elapsed().as_secs() / 60);
    if status.success() { Ok(()) } else { bail!("the installation failed ({status})") }
}

fn play(lab: &Lab, name: &str, arguments: &[&str]) -> Result<()> {
    println!("== {name}");
    let status = lab.demo(2, &folder(name)).args(arguments).status().context("starting the demo")?;
    if status.success() { Ok(()) } else { bail!("{name} failed ({status}); see {}", folder(name).display()) }
}

/// One round of the crash scene.
struct Round {
    seed: u64,
    passed: bool,
    /// A round whose machines are done early has fewer than were asked for.
    kills: usize,
}

/// Plays rounds until the server was killed often enough, also after one failed: a rare failure is worth more than
/// the time.
fn crash(lab: &Lab, options: &Options) -> Result<()> {
    let began = Instant::now();
    let first = options.seed.unwrap_or_else(draw_seed);
    let mut rounds: Vec<Round> = Vec::new();
    for seed in first.. {
        let (round_began, round) = (Instant::now(), crash_round(lab, options.kills, seed)?);
        let word = if round.passed { "passed" } else { "FAILED" };
        println!("seed {seed}: {word} with {} kills after {} s", round.kills, round_began.elapsed().as_secs());
        rounds.push(round);
        let without_kills = rounds.iter().filter(|round| round.kills == 0).count();
        if killed(&rounds) >= options.kills_total || without_kills > MAX_ROUNDS_WITHOUT_KILLS {
            break;
        }
    }
    let (count, kills, minutes) = (rounds.len(), killed(&rounds), began.elapsed().as_secs() / 60);
    let failed: Vec<String> = rounds.iter().filter(|round| !round.passed).map(|round| round.seed.to_string()).collect();
    println!("{kills} kills in {count} rounds, {} of which failed, in {minutes} min", failed.len());
    if failed.is_empty() {
        return Ok(());
    }
    let kept = folder("crash-SEED");
    bail!(
        "failed with the seeds {}: see demo.log and the rest in {}; --seed SEED --kills {} plays one again",
        failed.join(", "),
        kept.display(),
        options.kills
    )
}

fn killed(rounds: &[Round]) -> usize {
    rounds.iter().map(|round| round.kills).sum()
}

/// What a failed round leaves behind is kept.
fn crash_round(lab: &Lab, kills: u32, seed: u64) -> Result<Round> {
    let folder = folder(&format!("crash-{seed}"));
    let log = folder.with_extension("log");
    std::fs::create_dir_all(place::target().join("e2e"))?;
    let mut demo = lab.demo(2, &folder);
    demo.args(["--kill-server", &kills.to_string(), "--seed", &seed.to_string()]);
    let output = std::fs::File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    let status = demo.stdout(output.try_clone()?).stderr(output).status().context("starting the demo")?;
    let round = Round { seed, passed: status.success(), kills: kills_in(&folder.join("report.json")) };
    if round.passed {
        std::fs::remove_dir_all(&folder)?;
        std::fs::remove_file(&log)?;
    } else {
        std::fs::create_dir_all(&folder)?;
        std::fs::rename(&log, folder.join("demo.log"))?;
    }
    Ok(round)
}

/// How often a round's server was killed. A demo that broke off left no report: then it counts for nothing.
fn kills_in(report: &Path) -> usize {
    let report = std::fs::read(report).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    report.and_then(|report| report["server_kills_s"].as_array().map(Vec::len)).unwrap_or(0)
}

fn folder(name: &str) -> PathBuf {
    place::target().join(Path::new("e2e")).join(name)
}

/// Short enough to be typed again.
fn draw_seed() -> u64 {
    RandomState::new().build_hasher().finish() % 1_000_000
}
