//! `cargo xtask`: the project's chores, one module each.

#![expect(clippy::print_stdout, reason = "chores talk to the terminal")]

mod agent_binary;
mod command;
mod debian;
mod disk_image;
mod fingerprint;
mod image;
mod maintenance_os;
mod packages;
mod place;

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
    /// Install the operating system's packages that the other chores need, or print the command that does.
    SetupPackages,
    /// Build the kernel and initramfs that unknown machines boot, into target/boot.
    MaintenanceOs,
    /// Build a small bootable Debian disk image, into target/image.
    Image,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().chore {
        Chore::SetupPackages => packages::ensure_installed(),
        Chore::MaintenanceOs => {
            packages::ensure_installed()?;
            let built = maintenance_os::build()?;
            println!("{}\n{}", built.kernel.display(), built.initrd.display());
            Ok(())
        }
        Chore::Image => {
            packages::ensure_installed()?;
            println!("{}", image::build()?.file.display());
            Ok(())
        }
    }
}
