//! `cargo xtask e2e`: what takes real machines in QEMU and more time than a test may.

use crate::demo::Lab;
use crate::place;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to see.
    #[arg(value_enum, default_value_t = Scene::All)]
    scene: Scene,
    /// How often the crash scene is played.
    #[arg(long, default_value_t = 10)]
    rounds: u64,
    /// The first round's seed; each later round takes the next number. Without it, any.
    #[arg(long)]
    seed: Option<u64>,
    /// How often the server is killed in each round.
    #[arg(long, default_value_t = 4)]
    kills: u32,
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
    /// All of these.
    All,
}

impl Scene {
    fn includes(self, other: Self) -> bool {
        self == Self::All || self == other
    }
}

/// Plays the scenes.
pub(crate) fn run(options: &Options) -> Result<()> {
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

fn play(lab: &Lab, name: &str, arguments: &[&str]) -> Result<()> {
    println!("== {name}");
    let status = lab.demo(2, &folder(name)).args(arguments).status().context("starting the demo")?;
    if status.success() { Ok(()) } else { bail!("{name} failed ({status}); see {}", folder(name).display()) }
}

/// Plays every round, also after one failed: a rare failure is worth more than the time.
fn crash(lab: &Lab, options: &Options) -> Result<()> {
    let first = options.seed.unwrap_or_else(draw_seed);
    let mut failed = Vec::new();
    for seed in (first..).take(usize::try_from(options.rounds)?) {
        let began = Instant::now();
        let passed = crash_round(lab, options.kills, seed)?;
        let word = if passed { "passed" } else { "FAILED" };
        println!("seed {seed}: {word} after {} s", began.elapsed().as_secs());
        if !passed {
            failed.push(seed.to_string());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let kept = folder("crash-SEED");
    bail!("failed with the seeds {}: see demo.log and the rest in {}", failed.join(", "), kept.display())
}

/// What a failed round leaves behind is kept.
fn crash_round(lab: &Lab, kills: u32, seed: u64) -> Result<bool> {
    let folder = folder(&format!("crash-{seed}"));
    let log = folder.with_extension("log");
    std::fs::create_dir_all(place::target().join("e2e"))?;
    let mut demo = lab.demo(2, &folder);
    demo.args(["--kill-server", &kills.to_string(), "--seed", &seed.to_string()]);
    let output = std::fs::File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    let status = demo.stdout(output.try_clone()?).stderr(output).status().context("starting the demo")?;
    if status.success() {
        std::fs::remove_dir_all(&folder)?;
        std::fs::remove_file(&log)?;
    } else {
        std::fs::rename(&log, folder.join("demo.log"))?;
    }
    Ok(status.success())
}

fn folder(name: &str) -> PathBuf {
    place::target().join(Path::new("e2e")).join(name)
}

/// Short enough to be typed again.
fn draw_seed() -> u64 {
    RandomState::new().build_hasher().finish() % 1_000_000
}
