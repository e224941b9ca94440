//! `cargo xtask`: the project's chores, one module each.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "chores talk to the terminal")]

mod agent_binary;
mod bench;
mod cargo;
mod check;
mod command;
mod debian;
mod debian_installer;
mod demo;
mod disk_image;
mod e2e;
mod fingerprint;
mod fix;
mod fuzz;
mod image;
mod kernel_modules;
mod licences;
mod maintenance_os;
mod packages;
mod place;
mod qcow2_image;
mod setup;
mod signed_loaders;
mod simulate;
mod test;
mod tidy;

use clap::{Parser, Subcommand};

/// Slipway's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Take a rack of virtual servers from power-on to DEPLOYED, and show it.
    Demo(demo::Options),
    /// Check format, lints, the rules of this code base and licences, exactly as CI does.
    Check {
        /// Only the crates with staged changes, and no licences: for git's pre-commit hook.
        #[arg(long)]
        staged: bool,
    },
    /// See real machines in QEMU through more than a test has time for.
    E2e(e2e::Options),
    /// Measure how fast it is beside other programs, and write the report.
    Bench(bench::Options),
    /// Try the parsers of outside bytes with bytes that look for their mistakes, a minute each.
    Fuzz(fuzz::Options),
    /// Simulate the whole engine in simulated time under every fault, from seeds.
    Simulate(simulate::Options),
    /// Run every test, after building what they need.
    Test(test::Options),
    /// Format, apply clippy's suggestions and write generated files again.
    Fix,
    /// Check the rules of this code base that no other tool knows.
    Tidy,
    /// Check every dependency's licence against deny.toml.
    Licences,
    /// Make git check every commit before it is made.
    Setup,
    /// Install the operating system's packages that the other chores need, or print the command that does.
    SetupPackages,
    /// Build the kernel and initramfs that unknown machines boot, into target/boot.
    MaintenanceOs,
    /// Build a small bootable Debian disk image, into target/image.
    Image,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().chore {
        Chore::Demo(options) => demo::run(&options),
        Chore::Check { staged: false } => check::run(),
        Chore::Check { staged: true } => check::run_staged(),
        Chore::Bench(options) => bench::run(&options),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::E2e(options) => e2e::run(&options),
        Chore::Simulate(options) => simulate::run(&options),
        Chore::Test(options) => test::run(&options),
        Chore::Fix => fix::run(),
        Chore::Tidy => tidy::run(),
        Chore::Licences => licences::run(),
        Chore::Setup => setup::run(),
        Chore::SetupPackages => packages::ensure_installed(),
        Chore::MaintenanceOs => {
            packages::ensure_installed()?;
            let built = maintenance_os::build()?;
            println!("{}\n{}", built.kernel.display(), built.initrd.display());
            Ok(())
        }
        Chore::Image => {
            packages::ensure_installed()?;
            let built = image::build()?;
            println!("{} {}", built.file.display(), built.facts.digest);
            Ok(())
        }
    }
}
