//! Many runs of the simulator. `SIM_SEED=n` repeats one; `SIM_SEEDS=n` runs so many; without either, a fixed set and some
//! that nobody has seen before.

#![expect(
    clippy::disallowed_methods,
    reason = "a test is as long as it is told to be, and its fresh seeds are the time's"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use aura_sim::seed::{Report, run};

const FIXED: u64 = 8;
const FRESH: u64 = 4;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[test]
fn nothing_acknowledged_is_lost_and_everybody_has_the_same_text() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let fresh = u64::try_from(now).unwrap_or_default() / 1_000 * 1_000;
    let first = setting("SIM_FIRST").unwrap_or(1);
    let seeds: Vec<u64> = match (setting("SIM_SEED"), setting("SIM_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (first..first + count).collect(),
        (None, None) => (1..=FIXED).chain(fresh..fresh + FRESH).collect(),
    };
    let mut sum = Report::default();
    let mut wrong = Vec::new();
    for (done, seed) in seeds.iter().enumerate() {
        match run(*seed) {
            Ok(report) => sum.add(&report),
            Err(problem) => {
                println!("SIM_SEED={seed}: {problem}");
                wrong.push(*seed);
            }
        }
        if (done + 1) % 100 == 0 {
            println!("{} seeds: {} wrong, {sum:?}", done + 1, wrong.len());
        }
    }
    println!("{} seeds: {} wrong {wrong:?}, {sum:?}", seeds.len(), wrong.len());
    assert!(wrong.is_empty(), "repeat with SIM_SEED={}", wrong[0]);
    // Of one run, nothing else can be said.
    if seeds.len() > 5 {
        assert!(sum.acked > 0 && sum.deaths > 0 && sum.lost > 0 && sum.stale > 0 && sum.resent > 0);
    }
}

/// So that a run that went wrong can be looked at.
#[test]
fn a_seed_is_the_same_run_each_time() {
    // Instances live as long as their thread.
    let [one, other] = [(); 2].map(|()| std::thread::spawn(|| run(503)));
    assert_eq!(one.join().unwrap(), other.join().unwrap());
}
