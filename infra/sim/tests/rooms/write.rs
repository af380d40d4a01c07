//! One writer: what is in the log, who reads it, what it costs.

use aura::rooms::document::Document;
use aura::rooms::{Failure, MAX_UPDATE, Pulled, Refusal};

use super::*;

#[tokio::test(start_paused = true)]
async fn an_edit_is_in_the_log_and_everybody_reads_it() {
    let world = World::new();
    let (here, there) = (world.instance(), world.instance());
    let author = world.author("a");
    let first = here.edit(world.room, &author, 1, 0, &insert(0, "hello"), editor).await.unwrap();
    let second = there.edit(world.room, &author, 2, 1, &insert(5, " wörld"), editor).await.unwrap();
    assert_eq!((first.rev, second.rev), (1, 2));
    let state = here.state(world.room, None).await.unwrap();
    assert_eq!((state.text.as_str(), state.rev, state.whole), ("hello wörld", 2, true));
    let missed = here.state(world.room, Some(1)).await.unwrap();
    assert!(!missed.whole);
    let reader = Document::new(Cid::new(9).unwrap());
    assert!(reader.apply(&first.update).unwrap() && reader.apply(&missed.update).unwrap());
    assert_eq!(reader.text(), "hello wörld");
    let Pulled::Batch { from, to, entries } = there.pull(world.room, 2, MAX_UPDATE).await.unwrap() else { panic!() };
    assert_eq!((from, to, &entries[0].update), (2, 2, &second.update));
    assert_eq!(there.head(world.room).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_resend_is_answered_with_the_first_rev() {
    let world = World::new();
    let author = world.author("a");
    for instance in [world.instance(), world.instance()] {
        let written = world.put(&instance, &author, 1, 0, "x").await;
        assert_eq!(written.rev, 1);
        assert_eq!(written.patch.unwrap().ops, insert(0, "x"));
    }
    assert_eq!(world.text().await, "x");
}

#[tokio::test(start_paused = true)]
async fn a_resend_of_another_user_or_session_is_another_change() {
    let world = World::new();
    let rooms = world.instance();
    let one = world.author("a");
    for author in [one.clone(), Author { session: "b".parse().unwrap(), ..one }, world.author("a")] {
        world.put(&rooms, &author, 1, 0, "x").await;
    }
    assert_eq!(world.text().await, "xxx");
}

/// The bar: at most two rounds before the answer, one when the instance knows the room.
#[tokio::test(start_paused = true)]
async fn a_warm_edit_is_one_write_and_a_cold_one_a_query_more() {
    let world = World::new();
    let (here, there) = (world.instance(), world.instance());
    let author = world.author("a");
    let calls = || {
        let calls = world.table.take_calls();
        let units =
            |write: bool| calls.iter().filter(|call| (call.operation == "PutItem") == write).map(|c| c.units).sum();
        let names: Vec<String> = calls.iter().map(|call| call.operation.clone()).collect();
        let (writes, reads): (f64, f64) = (units(true), units(false));
        (names.join(" "), writes, reads)
    };
    world.put(&here, &author, 1, 0, "cold").await;
    assert_eq!(calls(), ("Query PutItem".to_owned(), 1.0, 1.0));
    world.put(&here, &author, 2, 1, "roles are read once more").await;
    assert_eq!(calls(), ("Query PutItem".to_owned(), 1.0, 1.0));
    for n in 3..6 {
        world.put(&here, &author, n, n - 1, "warm").await;
        assert_eq!(calls(), ("PutItem".to_owned(), 1.0, 0.0));
    }
    world.put(&there, &author, 6, 5, "elsewhere, cold").await;
    assert_eq!(calls(), ("Query PutItem".to_owned(), 1.0, 1.0));
    world.put(&here, &author, 7, 5, "the place is taken").await;
    // The refused one costs a unit too; its answer does not say so.
    assert_eq!(calls(), ("PutItem Query PutItem".to_owned(), 1.0, 1.0));
    world.clock.advance(Duration::from_secs(21));
    world.put(&here, &author, 8, 7, "not seen for a while").await;
    assert_eq!(calls(), ("Query PutItem".to_owned(), 1.0, 1.0));
    here.state(world.room, None).await.unwrap();
    assert_eq!(calls(), ("Query".to_owned(), 0.0, 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_builds_on_what_others_wrote_elsewhere_is_taken() {
    let world = World::new();
    let (here, there) = (world.instance(), world.instance());
    let author = world.author("a");
    let cid = here.assign_cid(world.room, author.user).await.unwrap();
    let author = Author { cid: Some(cid), ..author };
    // This instance knows the room, so it would try without reading.
    for n in 1..4 {
        world.put(&here, &author, n, n - 1, "abc").await;
    }
    let far = world.put(&there, &author, 4, 3, "far").await;
    let mine = Document::new(cid);
    let state = there.state(world.room, None).await.unwrap();
    assert!(mine.apply(&state.update).unwrap());
    // An update with an origin in `far`, written by hand: text "!" right of the unit 0 of its client.
    let outline = aura::rooms::outline::Outline::read(&far.update).unwrap();
    let far_cid = outline.cids().next().unwrap();
    let mut update = vec![1, 1];
    varint(&mut update, cid.get());
    update.extend([0, 0x84]);
    varint(&mut update, far_cid.get());
    update.extend([0, 1, b'!', 0]);
    let written = here.update(world.room, &author, 5, &update, editor).await.unwrap();
    assert_eq!(written.rev, 5);
    assert!(world.text().await.contains('!'));
}

#[tokio::test(start_paused = true)]
async fn nobody_writes_under_another_ones_client_id() {
    let world = World::new();
    let rooms = world.instance();
    let (mine, other) = (world.author("a"), world.author("b"));
    let own = rooms.assign_cid(world.room, mine.user).await.unwrap();
    let theirs = rooms.assign_cid(world.room, other.user).await.unwrap();
    let earlier = rooms.assign_cid(world.room, mine.user).await.unwrap();
    let author = Author { cid: Some(own), ..mine };
    let update = |cid| typed(cid, 0, "x");
    for forged in [theirs, Cid::new(4_711).unwrap(), Cid::server(1)] {
        let refused = rooms.update(world.room, &author, 1, &update(forged), editor).await.unwrap_err();
        assert!(matches!(refused, Failure::Refused(Refusal::Bad(_))), "{refused:?}");
    }
    // An id that the user was given for an earlier session stays theirs.
    rooms.update(world.room, &author, 1, &update(earlier), editor).await.unwrap();
    rooms.update(world.room, &author, 2, &update(own), editor).await.unwrap();
    assert_eq!(world.text().await, "xx");
}

#[tokio::test(start_paused = true)]
async fn a_base_that_is_not_there_is_refused() {
    let world = World::new();
    let rooms = world.instance();
    let author = world.author("a");
    world.put(&rooms, &author, 1, 0, "x").await;
    let refused = rooms.edit(world.room, &author, 2, 1_000_000_000, &insert(0, "y"), editor).await.unwrap_err();
    assert_eq!(refused.code(), "bad_request");
    let refused = rooms.edit(world.room, &author, 2, 1, &insert(7, "y"), editor).await.unwrap_err();
    assert_eq!(refused.code(), "bad_request");
    let refused = rooms.pull(world.room, 1_000_000_000, MAX_UPDATE).await.unwrap_err();
    assert_eq!(refused.code(), "bad_request");
    let refused = rooms.edit(world.room, &author, 2, 1, &insert(0, &"y".repeat(23_001)), editor).await.unwrap_err();
    assert_eq!(refused.code(), "too_big");
    let Pulled::Batch { from: 2, to: 1, .. } = rooms.pull(world.room, 2, MAX_UPDATE).await.unwrap() else { panic!() };
    // A stale one is not: the change keeps its place among what came after it.
    let written = world.put(&rooms, &author, 2, 0, "y").await;
    assert_eq!((written.rev, written.patch.unwrap().from), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_full_room_still_takes_deletions() {
    let world = World::new();
    let (rooms, author) = world.typist().await;
    let page = "p".repeat(22_000);
    let mut n = 0;
    let full = loop {
        let update = typed(author.cid.unwrap(), n * 22_000, &page);
        n += 1;
        match rooms.update(world.room, &author, n, &update, editor).await {
            Ok(_) => {}
            Err(failure) => break failure,
        }
    };
    assert_eq!((full.code(), n), ("room_full", 91));
    let delete = [Op::Delete { position: 0, length: 22_000 }];
    rooms.edit(world.room, &author, n, n - 1, &delete, editor).await.unwrap();
    assert_eq!(world.text().await.len(), 89 * 22_000);
}

#[tokio::test(start_paused = true)]
async fn a_room_may_begin_with_a_text() {
    let world = World::new();
    let rooms = world.instance();
    let entry = rooms.seed("Once upon a 😀").unwrap();
    let store = world.table.store();
    aura::store::room_log::append(&store, world.room, &entry).await.unwrap();
    assert_eq!(world.text().await, "Once upon a 😀");
    assert_eq!(rooms.seed(&"x".repeat(350_001)).unwrap_err().code(), "too_big");
}
