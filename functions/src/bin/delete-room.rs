use aura_functions::{rooms, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::DELETE_ROOM, rooms::delete_room)
}
