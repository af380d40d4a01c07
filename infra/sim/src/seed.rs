//! One run: some people type in one room while messages, functions and the table fail; then the weather clears, and
//! everything that was acknowledged must be there, once, for everybody.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aura::auth::account::{DisplayName, User};
use aura::auth::authority::{Bearer, Standing};
use aura::auth::session::Session;
use aura::auth::{Email, Role as Account};
use aura::rooms::Role;
use aura::store;
use aura::ticket::Guest;
use aura::{App, RoomId, UserId, members};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep};

use crate::chance::{Chance, Storm, Weather};
use crate::client::{Client, Follows, State, Tally};
use crate::gateway::Gateway;
use crate::server::Server;
use crate::text::oracle;

/// Longest time of bad weather.
const STORM: Duration = Duration::from_secs(240);
/// How long it may take until all is well afterwards.
const PATIENCE: Duration = Duration::from_secs(900);

/// What happened in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Changes that were made.
    pub changes: u64,
    /// Changes that were acknowledged.
    pub acked: u64,
    /// Edits on a text that was not the last.
    pub stale: u64,
    /// Changes that were sent again.
    pub resent: u64,
    /// Functions that died.
    pub deaths: u64,
    /// Events that functions were asked to answer.
    pub events: u64,
    /// Posts that arrived.
    pub posts: u64,
    /// Messages that were lost.
    pub lost: u64,
    /// Holes that were asked for.
    pub pulls: u64,
    /// Snapshots that hold.
    pub snapshots: u64,
    /// Length of the log.
    pub entries: u64,
    /// Length of the text.
    pub text: u64,
}

impl Report {
    /// Adds another run's numbers.
    pub fn add(&mut self, other: &Self) {
        let Self { changes, acked, stale, resent, deaths, events, posts, lost, pulls, snapshots, entries, text } =
            other;
        for (sum, more) in [
            (&mut self.changes, changes),
            (&mut self.acked, acked),
            (&mut self.stale, stale),
            (&mut self.resent, resent),
            (&mut self.deaths, deaths),
            (&mut self.events, events),
            (&mut self.posts, posts),
            (&mut self.lost, lost),
            (&mut self.pulls, pulls),
            (&mut self.snapshots, snapshots),
            (&mut self.entries, entries),
            (&mut self.text, text),
        ] {
            *sum += more;
        }
    }
}

/// Runs a seed.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn run(seed: u64) -> Result<Report, String> {
    // How long the SDK waits before it tries again comes from this thread's generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    LocalSet::new().block_on(&runtime, simulate(seed))
}

struct Person {
    guest: Guest,
    owner: bool,
}

async fn simulate(seed: u64) -> Result<Report, String> {
    let (chance, weather) = (Chance::new(seed), Weather::default());
    let (server, parcels) = Server::new(seed);
    let (room, people) = prepare(&chance, server.app()).await.map_err(|error| format!("preparation: {error:?}"))?;
    let storm = Storm { chance: Chance::new(seed ^ 0x5eed), weather: weather.clone(), deaths: chance.below(6) };
    server.table().set_fates(storm);
    let gateway = Gateway::new(chance.clone(), weather.clone(), server, parcels);
    weather.set(true);
    let tally = Tally::default();
    let pause = Duration::from_millis(200 + chance.below(6_000));
    let mut states = Vec::new();
    for (number, person) in people.iter().enumerate() {
        // Some have the room open twice.
        for window in 0..=u64::from(chance.permille(200)) {
            let follows = if chance.permille(600) { Follows::Yjs } else { Follows::Json };
            let session = format!("s{number}-{window}");
            let left = 3 + chance.below(22);
            let client = Client::new(Rc::clone(&gateway), person.guest.clone(), session, follows, left, pause);
            let client = client.counted(&tally);
            states.push((person.guest.standing.user, client.state()));
            spawn_local(client.run());
        }
    }
    let troubles = spawn_local(trouble(Rc::clone(&gateway), room));
    if chance.permille(300)
        && let Some(person) = people.iter().find(|person| !person.owner)
    {
        let (owner, user) = (people[0].guest.standing.user, person.guest.standing.user);
        spawn_local(demote(Rc::clone(&gateway), room, owner, user, states.clone()));
    }
    sleep(Duration::from_secs(20) + chance.up_to(STORM)).await;
    troubles.abort();
    weather.set(false);
    quiet(&gateway, &states).await?;
    judge(&gateway, room, &states, &tally).await
}

/// A room with an owner and some editors.
async fn prepare(chance: &Chance, app: &App) -> aura::Result<(RoomId, Vec<Person>)> {
    let mut people = Vec::new();
    for number in 0..2 + chance.below(4) {
        let now = app.clock.now();
        let user = User {
            id: app.random.id()?,
            tenant: app.random.id()?,
            email: format!("p{number}@example.com").parse::<Email>()?,
            name: DisplayName::try_from(format!("Person {number}"))?,
            role: Account::User,
            active: true,
            epoch: 0,
            created_at: now,
        };
        let week = Duration::from_secs(7 * 86_400);
        let session = Session {
            id: app.random.id()?,
            generation: 0,
            active: true,
            nonce: app.random.bytes()?,
            rotated_at: now,
            idle_until: now + week,
            ends_at: now + week,
            epoch: 0,
        };
        store::user::create(&app.store, &user, "no hash", &session).await?;
        people.push((user, session.id));
    }
    let text = if chance.permille(500) { Some("Once upon a 😀 time") } else { None };
    let listed = members::create(app, people[0].0.id, None, text).await?;
    let listed = serde_json::to_value(listed).map_err(aura::Error::internal)?;
    let room: RoomId = listed["roomId"].as_str().unwrap_or_default().parse()?;
    for (user, _) in people.iter().skip(1) {
        members::set(app, people[0].0.id, room, user.id, Some(Role::Editor)).await?;
    }
    let person = |(number, (user, session)): (usize, (User, aura::SessionId))| Person {
        guest: Guest {
            room,
            name: user.name,
            standing: Standing { user: user.id, by: Bearer::Session(session), epoch: 0 },
        },
        owner: number == 0,
    };
    Ok((room, people.into_iter().enumerate().map(person).collect()))
}

/// Connections that end, and compactors that nobody asked for.
async fn trouble(gateway: Rc<Gateway>, room: RoomId) {
    loop {
        sleep(gateway.chance.up_to(Duration::from_secs(20))).await;
        if gateway.chance.permille(400) {
            Rc::clone(&gateway).invoke(&serde_json::json!({ "room": room }).to_string());
        } else {
            gateway.cut_one();
        }
    }
}

/// Takes the right to write from somebody, and remembers which change came after.
async fn demote(
    gateway: Rc<Gateway>,
    room: RoomId,
    owner: UserId,
    user: UserId,
    states: Vec<(UserId, Rc<RefCell<State>>)>,
) {
    sleep(gateway.chance.up_to(Duration::from_secs(60))).await;
    let theirs = || states.iter().filter(|(other, _)| *other == user);
    // From here on it may be refused.
    theirs().for_each(|(_, state)| state.borrow_mut().demoted_at = Some(u64::MAX));
    loop {
        let set = |app| members::set(app, owner, room, user, Some(Role::Viewer));
        if let Some(Ok(())) = gateway.server.run(&gateway.chance, set).await {
            // And from here on it must.
            return theirs().for_each(|(_, state)| {
                let mut state = state.borrow_mut();
                state.demoted_at = Some(state.n + 1);
            });
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Waits until nobody has anything left to say.
async fn quiet(gateway: &Gateway, states: &[(UserId, Rc<RefCell<State>>)]) -> Result<(), String> {
    let started = Instant::now();
    loop {
        sleep(Duration::from_secs(2)).await;
        let complaint = states.iter().find_map(|(_, state)| state.borrow().complaint.clone());
        if let Some(complaint) = complaint {
            return Err(complaint);
        }
        let head = gateway.server.table().history().len() as u64;
        let well = |state: &State| state.idle && state.rev == head;
        if states.iter().all(|(_, state)| well(&state.borrow())) {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            let left: Vec<String> = states
                .iter()
                .map(|(_, state)| state.borrow())
                .filter(|state| !well(state))
                .map(|state| format!("idle {} rev {} n {} acked {}", state.idle, state.rev, state.n, state.acked.len()))
                .collect();
            return Err(format!("not quiet at {head}: {left:?}"));
        }
    }
}

/// The invariants.
async fn judge(
    gateway: &Gateway,
    room: RoomId,
    states: &[(UserId, Rc<RefCell<State>>)],
    tally: &Tally,
) -> Result<Report, String> {
    let history = gateway.server.table().history();
    let mut names = BTreeMap::new();
    let mut updates = Vec::new();
    for (index, entry) in history.iter().enumerate() {
        let rev = index as u64 + 1;
        if entry["sk"]["S"] != format!("L#{rev:012}") {
            return Err(format!("entry {rev} has the place {}", entry["sk"]["S"]));
        }
        let update = entry["u"]["B"].as_str().and_then(|update| STANDARD.decode(update).ok());
        updates.push(update.ok_or("an entry without update")?);
        if let Some(by) = entry["by"]["S"].as_str() {
            let name = (by.to_owned(), text(&entry["sess"]["S"]), text(&entry["n"]["N"]));
            if let Some(before) = names.insert(name.clone(), rev) {
                return Err(format!("{name:?} is in the log twice: {before} and {rev}"));
            }
        }
    }
    let expected = oracle(&updates);
    let mut acked = 0;
    for (index, (user, state)) in states.iter().enumerate() {
        let state = state.borrow();
        if state.text != expected {
            return Err(format!("client {index} has another text: {:?} and not {expected:?}", state.text));
        }
        let mine: BTreeMap<u64, u64> = names
            .iter()
            .filter(|((by, session, _), _)| *by == user.to_string() && *session == state.session)
            .filter_map(|((_, _, n), rev)| Some((n.parse().ok()?, *rev)))
            .collect();
        for (n, rev) in &state.acked {
            if mine.get(n) != Some(rev) {
                return Err(format!("client {index}: {n} was acknowledged as {rev} and is {:?}", mine.get(n)));
            }
        }
        if let Some(after) = state.demoted_at
            && let Some((n, rev)) = mine.range(after..).next()
        {
            return Err(format!("client {index}: {n} is in the log as {rev}, after its role was taken away"));
        }
        acked += state.acked.len() as u64;
    }
    let app = gateway.server.app();
    let kept = app.rooms.state(room, None).await.map_err(|failure| format!("{failure:?}"))?;
    if kept.text != expected || kept.rev != history.len() as u64 {
        return Err(format!("the room has {:?} at {} and not {expected:?} at {}", kept.text, kept.rev, history.len()));
    }
    let meta = store::room_snapshot::meta(&app.store, room).await.map_err(|error| format!("{error:?}"))?;
    Ok(Report {
        changes: tally.changes.get(),
        acked,
        stale: tally.stale.get(),
        resent: tally.resent.get(),
        deaths: gateway.server.deaths.get(),
        events: gateway.server.events.get(),
        posts: gateway.posts.get(),
        lost: gateway.lost.get(),
        pulls: tally.pulls.get(),
        snapshots: meta.map_or(0, |meta| meta.attempt.generation),
        entries: history.len() as u64,
        text: expected.len() as u64,
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
