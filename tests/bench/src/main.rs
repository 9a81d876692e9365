//! `make bench`: how fast the operator brings an estate up beside a bare client, what it asks of Proxmox VE and of the
//! API server, when it sees a change, and what it costs. Everything is on loopback; everything ends with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a tool of ours: to panic is to stop, loudly

mod bare;
mod calls;
mod estate;
mod firewall;
mod matrix;
mod measure;
mod models;
mod nodes;
mod operator;
mod report;
mod stage;

use clap::Parser;
use firewall::{Firewall, firewall};
use measure::{creation, quick_drift, slow_drift, steady};
use nodes::{OnNodes, on_nodes};
use report::{Size, median};
use serde_json::{Value, json};
use stage::Stage;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Measures; `hack/bench/run` sets what it needs.
#[derive(Parser)]
struct Options {
    /// Numbers of containers.
    #[arg(long, value_delimiter = ',', default_value = "17,100,500", env = "BENCH_SIZES")]
    sizes: Vec<u32>,
    /// Numbers of nodes. On 1 the operator is compared with the bare client; on more it is measured by itself, with the
    /// sizes from 100 on.
    #[arg(long, value_delimiter = ',', default_value = "1,3,10", env = "BENCH_NODES")]
    nodes: Vec<u32>,
    /// The smallest size that is measured on several nodes.
    #[arg(long, default_value_t = 100)]
    smallest_on_nodes: u32,
    /// Runs on several nodes.
    #[arg(long, default_value_t = 1, env = "BENCH_NODE_RUNS")]
    node_runs: usize,
    /// Runs of each side, alternating; the median counts.
    #[arg(long, default_value_t = 3, env = "BENCH_RUNS")]
    runs: usize,
    /// Runs of sizes from 500 on, which take two minutes each.
    #[arg(long, default_value_t = 1, env = "BENCH_LARGE_RUNS")]
    large_runs: usize,
    /// How long the settled operator is watched, in seconds.
    #[arg(long, default_value_t = 60, env = "BENCH_STEADY_SECONDS")]
    steady: u64,
    /// `poll.fullResync` while a change of a description is waited for, in seconds.
    #[arg(long, default_value_t = 60)]
    round: u64,
    /// Firewalls alone.
    #[arg(long)]
    firewalls: bool,
    /// Where the figures of the firewalls go.
    #[arg(long, default_value = "target/bench/firewall.json")]
    firewall_out: PathBuf,
    /// Models alone.
    #[arg(long)]
    models: bool,
    /// How many ModelPulls at once.
    #[arg(long, default_value_t = 100)]
    model_pulls: u32,
    /// Where the figures of the models go.
    #[arg(long, default_value = "target/bench/models.json")]
    models_out: PathBuf,
    /// Creations alone: no steady state, no drift; firewalls without the operator, no models.
    #[arg(long)]
    quick: bool,
    /// Where the double's journal of the last creation goes, to see what was asked when.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Where the figures go.
    #[arg(long, default_value = "target/bench/estate.json")]
    out: PathBuf,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let mut terminated = signal(SignalKind::terminate()).expect("a handler of SIGTERM");
    // Whichever comes first: what was started ends with the future that holds it.
    tokio::select! {
        () = run(&options) => {}
        _ = terminated.recv() => stopped("SIGTERM"),
        _ = tokio::signal::ctrl_c() => stopped("SIGINT"),
    }
}

fn stopped(signal: &str) -> ! {
    panic!("stopped by {signal}");
}

async fn run(options: &Options) {
    let started = Instant::now();
    let stage = Stage::new().await;
    if options.models || !(options.quick || options.firewalls) {
        models(options, &stage).await;
    }
    if options.models {
        return;
    }
    firewalls(options, &stage, started).await;
    if options.firewalls {
        return;
    }
    let mut sizes = Vec::new();
    for size in options.sizes.iter().filter(|_| options.nodes.contains(&1)) {
        if let Some(size) = measured(options, &stage, *size, started).await {
            sizes.push(size);
        }
    }
    let on_nodes = several(options, &stage, started).await;
    println!("{}{}", report::text(&sizes), report::on_nodes(&on_nodes));
    if options.quick {
        return;
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let figures = json!({
        "cores": cores,
        "tasksAtOnce": estate::PARALLEL,
        "createSeconds": 0.2,
        "startSeconds": 0.06,
        "bareClientPollsEverySeconds": bare::EVERY.as_secs_f64(),
        "sizes": sizes,
        "onNodes": on_nodes,
    });
    write(&options.out, &figures);
    println!("bench: figures in {} ({:.0} s)", options.out.display(), started.elapsed().as_secs_f64());
}

fn write(out: &Path, figures: &Value) {
    let dir = out.parent().unwrap_or(out);
    std::fs::create_dir_all(dir).expect("a directory for the figures");
    let text = serde_json::to_string_pretty(figures).expect("JSON");
    std::fs::write(out, text).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

/// ModelPulls beside `curl`.
async fn models(options: &Options, stage: &Stage) {
    let Some(figures) = models::models(stage, options.runs, options.model_pulls).await else { return };
    println!("{}", report::models(&figures));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    write(&options.models_out, &json!({"cores": cores, "models": figures}));
    println!("bench: figures of models in {}", options.models_out.display());
}

/// The firewalls of all sizes; with `--quick` without the operator.
async fn firewalls(options: &Options, stage: &Stage, started: Instant) {
    let mut all: Vec<Firewall> = Vec::new();
    for size in &options.sizes {
        let one = firewall((!options.quick).then_some(stage), *size, Duration::from_secs(options.round)).await;
        println!(
            "bench: [{:>5.0} s] {size} containers: {} flows are compiled in {:.1} ms",
            started.elapsed().as_secs_f64(),
            one.alone.flows,
            one.alone.read_milliseconds + one.alone.compile_milliseconds,
        );
        all.push(one);
    }
    println!("{}", report::firewalls(&all));
    write(&options.firewall_out, &json!({"sizes": all}));
    println!("bench: figures of firewalls in {}", options.firewall_out.display());
}

/// The sizes that several nodes are measured with, on each number of nodes.
async fn several(options: &Options, stage: &Stage, started: Instant) -> Vec<OnNodes> {
    let mut all = Vec::new();
    let watched = Duration::from_secs(if options.quick { 0 } else { options.steady });
    for nodes in options.nodes.iter().filter(|nodes| **nodes > 1) {
        for size in options.sizes.iter().filter(|size| **size >= options.smallest_on_nodes) {
            let one = on_nodes(stage, *size, *nodes, options.node_runs, watched).await;
            let seconds = median(one.creations.iter().map(|creation| creation.wall_seconds));
            println!(
                "bench: [{:>5.0} s] {size} containers on {nodes} nodes: operator {seconds:.2} s, all nodes chosen in {:.2} ms",
                started.elapsed().as_secs_f64(),
                one.placing_milliseconds,
            );
            all.push(one);
        }
    }
    all
}

/// One size; none where only creations are wanted.
async fn measured(options: &Options, stage: &Stage, size: u32, started: Instant) -> Option<Size> {
    let say = |text: String| println!("bench: [{:>5.0} s] {size} containers: {text}", started.elapsed().as_secs_f64());
    let runs = if size >= 500 { options.large_runs } else { options.runs };
    let (mut bare_seconds, mut bare_calls, mut creations) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for run in 1..=runs {
        stage.empty_pve(1).await;
        let bare = bare::run(&stage.pve, size).await;
        bare_seconds.push(bare.wall.as_secs_f64());
        bare_calls.push((bare.calls.calls() + bare.calls.task_polls) as f64 / f64::from(size));
        let scene = stage.scene(&format!("bench-{size}-{run}"), 1).await;
        let one = creation(&scene, size).await;
        say(format!(
            "run {run} of {runs}: bare client {:.2} s, operator {:.2} s ({:.1} calls and {:.1} status writes a guest)",
            bare.wall.as_secs_f64(),
            one.wall_seconds,
            one.calls.calls() as f64 / f64::from(size),
            one.status_writes / f64::from(size),
        ));
        if let Some(file) = &options.journal {
            let rows = stage.pve.ctl.json("GET", "/ctl/requests", None).await;
            std::fs::write(file, rows.to_string()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
        creations.push(one);
        if run == runs && !options.quick {
            last = Some(scene);
        } else {
            scene.end().await;
        }
    }
    if let (true, Some(creation)) = (options.quick, creations.last()) {
        print!("{}", report::calls(creation, size));
    }
    let scene = last?;
    say(format!("nothing changes for {} s, once it has settled", options.steady));
    let steady = steady(&scene, Duration::from_secs(options.steady)).await;
    say("changes behind its back: power and memory".to_owned());
    let drift = quick_drift(&scene, size).await;
    say(format!("changes behind its back: a description, with a full resync of {} s", options.round));
    let description = slow_drift(&scene, size, Duration::from_secs(options.round)).await;
    scene.end().await;
    let figures = Size {
        containers: size,
        bare_seconds,
        bare_calls_per_guest: median(bare_calls),
        creations,
        steady,
        drift,
        description,
        round_seconds: options.round as f64,
        rows: Vec::new(),
    };
    Some(figures.with_rows())
}
