//! The table, and the bars.

use crate::images::Images;
use crate::numbers::ms;
use crate::overhead::{Inside, Overhead};
use crate::rooms::Rooms;
use crate::{HELLO, Measured};
use std::time::Duration;

/// A function may take this many times hello's init.
const INIT_BAR: f64 = 2.0;
const SIZE_BAR: u64 = 9_000_000;

pub(crate) fn print(functions: &[Measured], runs: usize, warm: usize) {
    let hello = functions.iter().find(|function| function.name == HELLO).and_then(|hello| hello.init.median());
    println!("{}\n{runs} cold starts of each function in turn, {warm} warm invocations; times in ms\n", machine());
    println!(
        "{:<20} {:>9} {:>6} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>6} {:>7}",
        "function", "bytes", "MB", "init", "p95", "x hello", "cpu", "first", "warm", "calls", "rounds"
    );
    for function in functions {
        let count = |count: Option<usize>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        println!(
            "{:<20} {:>9} {:>6.2} {:>8} {:>8} {:>8.2} {:>8} {:>10} {:>10} {:>6} {:>7}",
            function.name,
            function.bytes,
            megabytes(function.bytes),
            ms(function.init.median()),
            ms(function.init.p95()),
            ratio(function.init.median(), hello),
            ms(function.cpu.median()),
            ms(function.first.median()),
            ms(function.warm.median()),
            count(function.cost.map(|cost| cost.calls)),
            count(function.cost.map(|cost| cost.rounds)),
        );
    }
    println!();
    bars(functions, hello);
}

fn bars(functions: &[Measured], hello: Option<Duration>) {
    let ratio_of = |function: &Measured| ratio(function.init.median(), hello);
    if let Some(worst) = functions.iter().max_by(|a, b| ratio_of(a).total_cmp(&ratio_of(b))) {
        let found = ratio_of(worst);
        let name = &worst.name;
        let over = functions.iter().filter(|function| ratio_of(function) > INIT_BAR).count();
        let detail = format!("(worst: {name} {found:.2}x; over the bar: {over} of {})", functions.len() - 1);
        println!("init: each function at most {INIT_BAR}x hello's median: {} {detail}", met(found <= INIT_BAR));
    }
    if let Some(largest) = functions.iter().max_by_key(|function| function.bytes) {
        let (name, found) = (&largest.name, megabytes(largest.bytes));
        let is_met = met(largest.bytes < SIZE_BAR);
        println!("largest stripped function under 9 MB: {is_met} ({name} {found:.2} MB)");
    }
    let cost = |name: &str| functions.iter().find(|function| function.name == name).and_then(|found| found.cost);
    if let Some(verify) = cost("verify") {
        println!("warm verify: at most 1 DynamoDB call: {} ({})", met(verify.calls <= 1), verify.calls);
    }
    if let Some(form) = cost("generate-form") {
        let detail = format!("({} in {} calls)", form.rounds, form.calls);
        println!("generate-form by a model: at most 3 DynamoDB round trips: {} {detail}", met(form.rounds <= 3));
    }
    if let Some(login) = cost("login") {
        let detail = format!("({} in {} calls)", login.rounds, login.calls);
        println!("login: at most 3 DynamoDB round trips: {} {detail}", met(login.rounds <= 3));
    }
}

/// What we add to a provider's call.
pub(crate) fn print_overhead(overhead: &Overhead) {
    println!("\n{}\nwarm generate-form with a provider that answers at once; times in ms\n", machine());
    println!("{:>7}  {:<34} {:>8} {:>8} {:>9}", "callers", "call", "p50", "p99", "x direct");
    for waited in &overhead.waited {
        let direct = waited.direct.median();
        let line = |name: &str, times: &crate::numbers::Times| {
            let (callers, median, last) = (waited.callers, ms(times.median()), ms(times.p99()));
            println!("{callers:>7}  {name:<34} {median:>8} {last:>8} {:>9.1}", ratio(times.median(), direct));
        };
        line("the provider alone", &waited.direct);
        for (answer, times) in &waited.through {
            line(&format!("through the stack, {}", answer.name()), times);
        }
    }
    println!("\nof a call by one caller, the function itself, its calls included, and its CPU:");
    let through = overhead.waited.iter().find(|waited| waited.callers == 1);
    for Inside { answer, took, cpu } in &overhead.inside {
        let whole = through.and_then(|waited| waited.through.iter().find(|(other, _)| other == answer));
        let whole = whole.and_then(|(_, times)| times.median());
        let percent = |time| 100.0 * ratio(time, whole);
        println!(
            "{:<34} {:>8} ({:.0} % of the call), CPU {:>6} ({:.0} %)",
            answer.name(),
            ms(took.median()),
            percent(took.median()),
            ms(*cpu),
            percent(*cpu)
        );
    }
}

/// A function of images may take this many times what plain decoding and hashing takes.
const IMAGE_BAR: f64 = 2.0;
/// And hold this many bytes.
const MEMORY_BAR: u64 = 128_000_000;

/// What a picture takes.
pub(crate) fn print_images(images: &Images) {
    let Images { took, cpu, plain, memory } = images;
    println!(
        "\n{}\nwarm analyze-image with a JPEG file of 4 MB, without the provider's time; times in ms\n",
        machine()
    );
    println!("{:<44} {:>8} {:>8} {:>9}", "", "p50", "p95", "x plain");
    for (name, times) in
        [("plain base64 and SHA-256", plain), ("the function, event to answer", took), ("its CPU", cpu)]
    {
        let ratio = ratio(times.median(), plain.median());
        println!("{name:<44} {:>8} {:>8} {ratio:>9.2}", ms(times.median()), ms(times.p95()));
    }
    println!("\nmost memory of a process (VmHWM), in MB");
    for (function, what, bytes) in memory {
        let bytes = bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", megabytes(bytes)));
        println!("{:<44} {bytes:>8}", format!("{function}, {what}"));
    }
    let found = ratio(took.median(), plain.median());
    println!(
        "\na picture takes at most {IMAGE_BAR}x plain decoding and hashing: {} ({found:.2}x)",
        met(found <= IMAGE_BAR)
    );
    let most = memory.iter().filter_map(|(_, _, bytes)| *bytes).max().unwrap_or(0);
    println!("no function of images holds 128 MB: {} ({:.1} MB)", met(most < MEMORY_BAR), megabytes(most));
}

/// Edits of rooms.
pub(crate) fn print_rooms(rooms: &Rooms) {
    println!("\n{}\nrooms: five edits a second of each typist; times in ms\n", machine());
    let answered = rooms.answered.median();
    println!(
        "a message that a function answers without a table: p50 {}, p99 {}\n",
        ms(answered),
        ms(rooms.answered.p99())
    );
    println!(
        "{:>11} {:>7} {:>5} {:>8} {:>8} {:>10} {:>10} {:>10} {:>8} {:>6}",
        "connections",
        "typists",
        "edits",
        "ack p50",
        "ack p99",
        "x answered",
        "remote p50",
        "remote p99",
        "missed",
        "resent"
    );
    for room in &rooms.rooms {
        println!(
            "{:>11} {:>7} {:>5} {:>8} {:>8} {:>10.1} {:>10} {:>10} {:>8} {:>6}",
            room.connections,
            room.typists,
            room.edits,
            ms(room.ack.median()),
            ms(room.ack.p99()),
            ratio(room.ack.median(), answered),
            ms(room.remote.median()),
            ms(room.remote.p99()),
            room.missed,
            room.resent,
        );
    }
    println!("\nmost memory of a process, MB:");
    for (function, bytes) in &rooms.memory {
        println!("{function:<20} {:>6.1}", megabytes(*bytes));
    }
}

fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "not met" }
}

fn ratio(time: Option<Duration>, to: Option<Duration>) -> f64 {
    match (time, to) {
        (Some(time), Some(to)) => time.as_secs_f64() / to.as_secs_f64(),
        _ => f64::NAN,
    }
}

/// Millions of bytes.
fn megabytes(bytes: u64) -> f64 {
    u32::try_from(bytes).map_or(f64::INFINITY, f64::from) / 1e6
}

/// Cores, model and load: what the times depend on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("of unknown model", |(_, model)| model.trim());
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores, {model}, {}, load {load}", std::env::consts::ARCH)
}
