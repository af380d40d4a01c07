//! The cache where instances meet: two tenants in any order, claims that end with their holders, writers that race.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aura::auth::{Permission, Role};
use aura::cache::{Cache, Flown, Key, Made, Reader};
use aura::clock::Clock;
use aura::config::Config;
use aura::store::Store;
use aura::store::cache::{self as stored, Found};
use aura::{Error, TenantId};
use proptest::prelude::*;
use serde_json::Value;

use crate::world::{World, now};

/// The function as which this process caches: its policy, its counts.
const FUNCTION: &str = "generate-form";

/// The cache as an instance has it, over the stack's table.
struct Instances {
    world: World,
    config: Config,
    clock: Clock,
}

impl Instances {
    async fn start() -> Self {
        let world = World::start().await;
        let environment = world.stack.addresses()["environment"][FUNCTION].clone();
        let lookup = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some(format!("AKIALOCAL.{FUNCTION}")),
            name => environment.get(name).and_then(Value::as_str).map(str::to_owned),
        };
        let config = Config::from_lookup(lookup).expect("settings");
        Self { world, config, clock: Clock::manual(now()) }
    }

    fn store(&self) -> Store {
        Store::new(&self.config).expect("a store")
    }

    /// A cold one.
    fn another(&self) -> Cache {
        Cache::new(self.store(), &self.config, self.clock.clone())
    }
}

const KEPT: Duration = Duration::from_secs(600);
const LONG: Duration = Duration::from_secs(20);

fn reader(tenant: u8, role: Role) -> Reader {
    Reader::new(TenantId::from([tenant; 16]), |permission: Permission| role.may(permission))
}

fn key(tenant: u8, question: u8) -> Key {
    Key::of(&reader(tenant, Role::User), "test", b"1").with("question", [question]).build()
}

type Outcome = Flown<String, String>;

async fn fly(cache: &Cache, key: &Key, left: Duration, result: Result<&str, &str>) -> Outcome {
    let result = result.map(str::to_owned).map_err(str::to_owned);
    cache.single_flight(key, KEPT, left, || async { Ok(Made::new(result.clone())) }).await.expect("no error")
}

/// What tenants do to the caches of two warm instances.
#[derive(Debug, Clone)]
enum Step {
    Put { tenant: u8, question: u8, answer: u16, instance: usize },
    Get { tenant: u8, question: u8, instance: usize },
    Ask { tenant: u8, question: u8, answer: u16, instance: usize },
    Restart { instance: usize },
    Wait { secs: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || (0_u8..2, 0_u8..3, 0_usize..2);
    let step = prop_oneof![
        2 => (who(), any::<u16>()).prop_map(|((tenant, question, instance), answer)| Step::Put { tenant, question, answer, instance }),
        4 => who().prop_map(|(tenant, question, instance)| Step::Get { tenant, question, instance }),
        4 => (who(), any::<u16>()).prop_map(|((tenant, question, instance), answer)| Step::Ask { tenant, question, answer, instance }),
        1 => (0_usize..2).prop_map(|instance| Step::Restart { instance }),
        1 => (1_u64..700).prop_map(|secs| Step::Wait { secs }),
    ];
    prop::collection::vec(step, 1..30)
}

impl Step {
    /// Whose it is; nobody's is everybody's.
    fn tenant(&self) -> Option<u8> {
        match self {
            Self::Put { tenant, .. } | Self::Get { tenant, .. } | Self::Ask { tenant, .. } => Some(*tenant),
            Self::Restart { .. } | Self::Wait { .. } => None,
        }
    }
}

/// What a schedule shows to each tenant. Tenants of other schedules are others: `first` numbers them.
async fn run(instances: &Instances, first: u8, salt: u32, schedule: &[Step]) -> BTreeMap<u8, Vec<String>> {
    let mut caches = [instances.another(), instances.another()];
    let mut seen = BTreeMap::<u8, Vec<String>>::new();
    let key = |tenant: u8, question: u8| {
        let key = Key::of(&reader(first + tenant, Role::User), "test", b"1").with("salt", salt.to_be_bytes());
        key.with("question", [question]).build()
    };
    for step in schedule {
        let shown = match *step {
            Step::Put { tenant, question, answer, instance } => {
                caches[instance].put(&key(tenant, question), KEPT, &format!("{tenant} {answer}")).await;
                continue;
            }
            Step::Get { tenant, question, instance } => {
                format!("{:?}", caches[instance].get::<String>(&key(tenant, question)).await)
            }
            Step::Ask { tenant, question, answer, instance } => {
                let answer = format!("{tenant} {answer}");
                format!("{:?}", fly(&caches[instance], &key(tenant, question), LONG, Ok(&answer)).await)
            }
            Step::Restart { instance } => {
                caches[instance] = instances.another();
                continue;
            }
            Step::Wait { secs } => {
                instances.clock.advance(Duration::from_secs(secs));
                continue;
            }
        };
        seen.entry(step.tenant().expect("somebody's")).or_default().push(shown);
    }
    seen
}

/// Rows 29 and 30: what two tenants see of caches that they share is what each would see alone, and is their own.
#[test]
fn row_30_interleaved_tenants_see_what_each_would_see_alone() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let instances = runtime.block_on(Instances::start());
    let salt = AtomicUsize::new(0);
    let cases = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(cases);
    runner
        .run(&steps(), |schedule| {
            let salt = u32::try_from(salt.fetch_add(1, Ordering::SeqCst)).unwrap();
            runtime.block_on(async {
                let together = run(&instances, 10, salt, &schedule).await;
                for tenant in 0..2 {
                    let own: Vec<Step> =
                        schedule.iter().filter(|step| step.tenant().is_none_or(|t| t == tenant)).cloned().collect();
                    let apart = run(&instances, 20, salt, &own).await;
                    prop_assert_eq!(together.get(&tenant), apart.get(&tenant));
                    let other = format!("\"{} ", 1 - tenant);
                    let seen = together.get(&tenant).into_iter().flatten();
                    prop_assert!(seen.into_iter().all(|shown| !shown.contains(&other)));
                }
                Ok(())
            })
        })
        .unwrap();
}

#[tokio::test]
async fn row_65_identical_calls_of_one_instance_and_of_many_are_one() {
    let instances = Instances::start().await;
    for (question, shared) in [(1, true), (2, false)] {
        let one = instances.another();
        let made = std::sync::Arc::new(AtomicUsize::new(0));
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let cache = if shared { one.clone() } else { instances.another() };
                let made = std::sync::Arc::clone(&made);
                tokio::spawn(async move {
                    let make = || async {
                        made.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        Ok(Made::new(Ok("an answer".to_owned())))
                    };
                    cache.single_flight(&key(1, question), KEPT, LONG, make).await.expect("no error")
                })
            })
            .collect();
        let mut own = 0;
        for call in calls {
            match call.await.unwrap() {
                Outcome::Made(_) => own += 1,
                known => assert_eq!(known, Flown::Known("an answer".to_owned())),
            }
        }
        assert_eq!((own, made.load(Ordering::SeqCst)), (1, 1), "shared: {shared}");
    }
}

/// A holder that is alive is waited for, but not beyond one's own time; one that is dead is followed by one waiter.
#[tokio::test]
async fn row_62_a_claim_ends_with_its_holder() {
    let instances = Instances::start().await;
    let (store, key) = (instances.store(), key(1, 1));
    let start = instances.clock.now();
    let claimed = stored::claim(&store, &key, [1; 16], start, start + Duration::from_secs(5)).await.unwrap();
    assert_eq!(claimed, None);
    let late = fly(&instances.another(), &key, Duration::from_millis(300), Ok("never")).await;
    assert_eq!(late, Flown::Late);
    assert_eq!(instances.another().get::<String>(&key).await, None, "a claim is no answer");

    instances.clock.advance(Duration::from_secs(6));
    let waiters = (0..6).map(|_| {
        let (cache, key) = (instances.another(), key.clone());
        tokio::spawn(async move { fly(&cache, &key, LONG, Ok("an answer")).await })
    });
    let mut made = 0;
    for waiter in waiters.collect::<Vec<_>>() {
        made += usize::from(waiter.await.unwrap() == Flown::Made("an answer".to_owned()));
    }
    assert_eq!(made, 1);
    // Thought dead and late after all: the first answer stays.
    let now = instances.clock.now();
    stored::keep(&store, &key, Some([1; 16]), vec![1, 2, 3], now, now + KEPT).await.unwrap();
    assert_eq!(instances.another().get::<String>(&key).await.as_deref(), Some("an answer"));
}

/// A failure is told to those who waited for it, and to nobody else.
#[tokio::test]
async fn row_65_waiters_share_a_failure_and_newcomers_ask_anew() {
    let instances = Instances::start().await;
    let key = key(1, 1);
    let (begun, release) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let holder = instances.another();
    let failing = holder.single_flight(&key, KEPT, LONG, || async {
        begun.notify_one();
        release.notified().await;
        Ok(Made::<String, String>::new(Err("the provider is down".to_owned())))
    });
    let waiter = async {
        begun.notified().await;
        let cache = instances.another();
        let waiting = fly(&cache, &key, LONG, Ok("asked all the same"));
        let release = async {
            // The waiter has seen the claim.
            let looks =
                || instances.world.stack.dynamodb_calls(FUNCTION).iter().filter(|c| c.operation == "GetItem").count();
            while looks() < 2 {
                tokio::task::yield_now().await;
            }
            release.notify_one();
        };
        tokio::join!(waiting, release).0
    };
    let (failed, waited) = tokio::join!(failing, waiter);
    assert_eq!(failed.unwrap(), Flown::Failed("the provider is down".to_owned()));
    assert_eq!(waited, Flown::Failed("the provider is down".to_owned()));
    assert_eq!(fly(&instances.another(), &key, LONG, Ok("an answer")).await, Flown::Made("an answer".to_owned()));
}

/// An error is the caller's own: the next one asks at once.
#[tokio::test]
async fn an_error_gives_the_claim_back() {
    let instances = Instances::start().await;
    let (cache, key) = (instances.another(), key(1, 1));
    let broke =
        cache.single_flight::<String, String, _>(&key, KEPT, LONG, || async { Err(Error::invalid("no money")) });
    assert_eq!(broke.await.unwrap_err().code(), "INVALID_REQUEST");
    assert_eq!(stored::read(&instances.store(), &key, instances.clock.now()).await.unwrap(), Found::Nothing);
    assert_eq!(fly(&instances.another(), &key, LONG, Ok("an answer")).await, Flown::Made("an answer".to_owned()));
}

/// Every racing write, by two writers.
#[tokio::test]
async fn of_two_writers_the_first_one_stays() {
    let instances = Instances::start().await;
    let (store, key) = (instances.store(), key(1, 1));
    let now = instances.clock.now();
    let until = now + Duration::from_secs(5);
    let (a, b) = tokio::join!(
        stored::claim(&store, &key, [1; 16], now, until),
        stored::claim(&store, &key, [2; 16], now, until)
    );
    let (owner, other) = if a.unwrap().is_none() { ([1; 16], [2; 16]) } else { ([2; 16], [1; 16]) };
    assert!(matches!(b.unwrap(), None | Some(Found::Claim(_))));
    let found = async || stored::read(&store, &key, now).await.unwrap();
    // Whoever has no claim changes nothing.
    stored::renew(&store, &key, other, until + KEPT).await.unwrap();
    stored::fail(&store, &key, other, vec![9], now).await.unwrap();
    stored::give_up(&store, &key, other).await.unwrap();
    stored::keep(&store, &key, Some(other), vec![9], now, now + KEPT).await.unwrap();
    assert_eq!(found().await, Found::Claim(owner));
    // A retried claim is the same one.
    assert_eq!(stored::claim(&store, &key, owner, now, until).await.unwrap(), None);
    let expires = aura::clock::Timestamp::from_secs((now + KEPT).secs());
    stored::keep(&store, &key, Some(owner), vec![1], now, expires).await.unwrap();
    for late in [vec![2], vec![3]] {
        stored::keep(&store, &key, None, late, now, expires).await.unwrap();
    }
    stored::renew(&store, &key, owner, until + KEPT * 9).await.unwrap();
    stored::fail(&store, &key, owner, vec![9], now).await.unwrap();
    stored::give_up(&store, &key, owner).await.unwrap();
    assert_eq!(found().await, Found::Answer(vec![1], expires));
    let claim = stored::claim(&store, &key, other, now, until).await.unwrap();
    assert_eq!(claim, Some(Found::Answer(vec![1], expires)));
    // Its time is over, whether or not it was deleted.
    let later = expires + Duration::from_secs(1);
    assert_eq!(stored::read(&store, &key, later).await.unwrap(), Found::Nothing);
    assert_eq!(stored::claim(&store, &key, other, later, later + KEPT).await.unwrap(), None);
}

/// An answer that cannot be opened, by whatever accident, stands in nobody's way.
#[tokio::test]
async fn a_spoilt_answer_is_asked_for_anew() {
    let instances = Instances::start().await;
    let (store, key) = (instances.store(), key(1, 1));
    let now = instances.clock.now();
    stored::keep(&store, &key, None, vec![0; 40], now, now + KEPT).await.unwrap();
    assert_eq!(instances.another().get::<String>(&key).await, None);
    assert_eq!(fly(&instances.another(), &key, LONG, Ok("an answer")).await, Flown::Made("an answer".to_owned()));
}
