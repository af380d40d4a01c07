use aura_functions::{rooms, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::GET_ROOM_SNAPSHOT, rooms::get_room_snapshot)
}
