use aura_functions::{rooms, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::CREATE_ROOM_TICKET, rooms::create_room_ticket)
}
