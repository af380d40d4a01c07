use aura_functions::{rooms, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::CREATE_ROOM, rooms::create_room)
}
