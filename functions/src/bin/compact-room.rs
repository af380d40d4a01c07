use aura_functions::{rooms, serve, socket_route};

fn main() -> Result<(), serve::Error> {
    serve::event(socket_route::COMPACT_ROOM.needs, rooms::compact_room)
}
