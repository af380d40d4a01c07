use aura_functions::{rooms, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::SET_ROOM_MEMBER, rooms::set_room_member)
}
