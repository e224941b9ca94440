//! Slipway: the server and the command line, one program.

mod command;
mod connection;
mod descriptors;
mod exit;
mod kind;
mod lab;
mod output;
mod run_text;
mod serve;
mod watch;

use clap::{Parser, Subcommand};
use command::{
    apply, change, control, delete, diff, export, get, health, image, iso, list, logs, params, pools, preview,
    provision, status, template,
};
use exit::Exit;
use std::process::ExitCode;

/// A tenth of the server's time went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Takes servers from bare metal to deployed.
#[derive(Debug, Parser)]
#[command(name = "slipway", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Options),
    /// Make the server match YAML files: all of their documents, or none.
    Apply(apply::Options),
    /// Show objects of a kind, or one of them.
    Get(get::Options),
    /// Delete an object.
    Delete(delete::Options),
    /// Show how YAML files differ from what is stored; exit with 1 where they do.
    Diff(diff::Options),
    /// Make a copy of an object, built-in ones too, to change it.
    Clone(change::CloneOptions),
    /// Show what names an object, and how many machines an edit of it reaches.
    Uses(change::Options),
    /// Show the versions of an object that are kept.
    Versions(change::Options),
    /// Make an object what it was at an earlier version.
    Revert(change::RevertOptions),
    /// Show a machine's parameters, each with where it comes from.
    ExplainParams(params::Options),
    /// Show what a template renders to for a machine, secrets hidden; exit with 1 if its own language refuses it.
    Preview(preview::Options),
    /// Write every object that is not built in as YAML files.
    Export(export::Options),
    /// Start a workflow on a machine.
    Provision(provision::Options),
    /// List the machines and what is being done with them.
    List(list::Options),
    /// Show how far a run is, step by step.
    Status(status::Options),
    /// Hold a run after what its step is doing now.
    Pause(control::Options),
    /// Let a held run go on.
    Resume(control::Options),
    /// End a run now.
    Cancel(control::WithReason),
    /// Let the step that needs a person try again.
    Retry(control::Options),
    /// Take the current step as not needed.
    Skip(control::WithNeededReason),
    /// Let a waiting step look again now.
    Recheck(control::Options),
    /// Start a run that goes on from the step in which this one failed.
    Continue(control::Options),
    /// Show what happened to a machine.
    Logs(logs::Options),
    /// Show how the addresses of the subnets are used.
    Pools(pools::Options),
    /// Say whether the server does all that it is there for.
    Health(health::Options),
    /// Work with images.
    #[command(subcommand)]
    Image(image::Image),
    /// Work with the discs that operating systems are installed from.
    #[command(subcommand)]
    Iso(iso::Iso),
    /// Work with templates.
    #[command(subcommand)]
    Template(template::Template),
    /// Work with the sheets of designs.
    #[command(subcommand)]
    Design(command::design::Design),
    /// Provision many machines at once.
    #[command(subcommand)]
    Deployment(command::deployment::Action),
    /// Write the completion script of a shell.
    Completion(command::completion::Options),
    /// A virtual rack to try Slipway on.
    #[command(subcommand)]
    Lab(lab::Lab),
}

#[tokio::main]
async fn main() -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().ok();
    match run(Cli::parse().command).await {
        Ok(code) => code,
        Err(error) if exit::is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            exit::tell(&error);
            exit::of(&error).into()
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    use workflow::Command as Order;
    let exit = match command {
        Command::Serve(options) => return serve::run(options).await.map(|()| ExitCode::SUCCESS),
        Command::Lab(lab) => return lab::run(lab).await,
        Command::Apply(options) => apply::run(options).await,
        Command::Get(options) => get::run(options).await,
        Command::Delete(options) => delete::run(options).await,
        Command::Diff(options) => diff::run(options).await,
        Command::Clone(options) => change::clone(options).await,
        Command::Uses(options) => change::uses(options).await,
        Command::Versions(options) => change::versions(options).await,
        Command::Revert(options) => change::revert(options).await,
        Command::ExplainParams(options) => params::run(options).await,
        Command::Preview(options) => preview::run(options).await,
        Command::Export(options) => export::run(options).await,
        Command::Provision(options) => provision::run(options).await,
        Command::List(options) => list::run(options).await,
        Command::Status(options) => status::run(options).await,
        Command::Pause(options) => control::run(options, Order::Pause).await,
        Command::Resume(options) => control::run(options, Order::Resume).await,
        Command::Cancel(options) => control::run(options.run, Order::Cancel { reason: options.reason }).await,
        Command::Retry(options) => control::run(options, Order::Retry).await,
        Command::Skip(options) => control::run(options.run, Order::Skip { reason: options.reason }).await,
        Command::Recheck(options) => control::run(options, Order::Recheck).await,
        Command::Continue(options) => control::resume_failed(options).await,
        Command::Logs(options) => logs::run(options).await,
        Command::Pools(options) => pools::run(options).await,
        Command::Health(options) => health::run(options).await,
        Command::Image(image) => image::run(image).await,
        Command::Iso(iso) => iso::run(iso).await,
        Command::Template(template) => template::run(&template),
        Command::Design(design) => command::design::run(design).await,
        Command::Deployment(action) => command::deployment::run(action).await,
        Command::Completion(options) => command::completion::run(&options),
    };
    exit.map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn help_of(command: &mut clap::Command, path: &str, all: &mut String) {
        command.build();
        all.push_str(&format!("# {path}\n\n{}\n", command.clone().render_long_help().to_string().trim_end()));
        all.push('\n');
        for inner in command.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
            let path = format!("{path} {}", inner.get_name());
            help_of(inner, &path, all);
        }
    }

    #[test]
    fn the_help_of_every_command_is_as_reviewed() {
        let mut all = String::new();
        help_of(&mut Cli::command(), "slipway", &mut all);
        insta::assert_snapshot!(all);
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_option_takes_a_token() {
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments() {
                let long = argument.get_long().unwrap_or_default();
                assert!(!matches!(long, "token" | "password" | "secret"), "{} --{long}", command.get_name());
            }
        }
    }
}
