//! Who may write, from one moment to the next; and rooms that are deleted.

use std::cell::Cell;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_demotion_bites_on_the_next_change_also_where_the_writer_was_known() {
    let world = World::new();
    let (here, there) = (world.instance(), world.instance());
    let author = world.author("a");
    let role = Cell::new(Some(Role::Editor));
    let asked = Cell::new(0);
    let access = async || {
        asked.set(asked.get() + 1);
        Ok(role.get())
    };
    for n in 1..6 {
        here.edit(world.room, &author, n, n - 1, &insert(0, "x"), access).await.unwrap();
    }
    assert_eq!(asked.get(), 2, "a role that is known is not read again");
    for now in [Some(Role::Viewer), None] {
        role.set(Some(Role::Editor));
        there.fence(world.room).await.unwrap();
        let base = there.head(world.room).await.unwrap();
        let n = 100 + base;
        for n in [n, n + 50] {
            here.edit(world.room, &author, n, base, &insert(0, "y"), access).await.unwrap();
        }
        role.set(now);
        there.fence(world.room).await.unwrap();
        for rooms in [&here, &there, &world.instance()] {
            let refused = rooms.edit(world.room, &author, 1_000, base, &insert(0, "z"), access).await.unwrap_err();
            assert_eq!(refused.code(), "forbidden");
        }
    }
    assert!(!world.text().await.contains('z'));
}

/// The role is read before the demotion, and the log's end after it.
#[tokio::test(start_paused = true)]
async fn a_role_that_was_read_too_early_is_not_remembered() {
    let world = World::new();
    let (here, there) = (world.instance(), world.instance());
    let author = world.author("a");
    world.put(&there, &author, 1, 0, "x").await;
    let first = Cell::new(true);
    let access = async || {
        if first.replace(false) {
            // While this answer is on its way, the role is taken away.
            there.fence(world.room).await.unwrap();
            return Ok(Some(Role::Editor));
        }
        Ok(Some(Role::Viewer))
    };
    let written = here.edit(world.room, &author, 2, 1, &insert(0, "y"), access).await;
    // Both orders are right for this one change; the next one comes after the demotion for certain.
    assert!(written.is_ok() || written.is_err_and(|failure| failure.code() == "forbidden"));
    let refused = here.edit(world.room, &author, 3, 1, &insert(0, "z"), access).await.unwrap_err();
    assert_eq!(refused.code(), "forbidden");
}

#[tokio::test(start_paused = true)]
async fn a_viewer_and_a_stranger_write_nothing() {
    let world = World::new();
    let author = world.author("a");
    for role in [Some(Role::Viewer), None] {
        let refused = world.instance().edit(world.room, &author, 1, 0, &insert(0, "x"), async || Ok(role)).await;
        assert_eq!(refused.unwrap_err().code(), "forbidden");
    }
    assert_eq!(world.instance().head(world.room).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_room_is_gone_for_everybody_wherever_the_deletion_died() {
    for left in 0.. {
        let world = World::new();
        let (here, there) = (world.instance(), world.instance());
        let author = world.author("a");
        for n in 1..5 {
            world.put(&here, &author, n, n - 1, "x").await;
        }
        world.table.set_fates(Strike { left, fate: Fate::DeathAfter });
        let whole = mortal(there.close(world.room)).await.is_some();
        world.table.set_fates(aura_sim::table::Calm);
        world.instance().close(world.room).await.unwrap();
        for rooms in [&here, &there, &world.instance()] {
            let edit = rooms.edit(world.room, &author, 5, 4, &insert(0, "y"), editor).await;
            assert_eq!(edit.unwrap_err().code(), "room_gone");
            assert_eq!(rooms.state(world.room, None).await.unwrap_err().code(), "room_gone");
            assert_eq!(rooms.pull(world.room, 1, 1_000).await.unwrap_err().code(), "room_gone");
            assert_eq!(rooms.head(world.room).await.unwrap_err().code(), "room_gone");
            assert_eq!(rooms.compact(world.room).await.unwrap_err().code(), "room_gone");
        }
        assert!(world.items().iter().all(|item| item["ex"]["N"].is_string()));
        if whole {
            assert!(left > 5);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_no_room_that_nobody_made() {
    let world = World::new();
    let author = world.author("a");
    let rooms = world.instance();
    let other = world.random.id().unwrap();
    assert_eq!(rooms.edit(other, &author, 1, 0, &insert(0, "x"), editor).await.unwrap_err().code(), "room_gone");
    assert_eq!(rooms.fence(other).await.unwrap_err().code(), "room_gone");
    assert_eq!(rooms.close(other).await.unwrap_err().code(), "room_gone");
    assert_eq!(rooms.compact(other).await.unwrap_err().code(), "room_gone");
}
