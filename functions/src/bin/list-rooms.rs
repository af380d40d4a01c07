use aura_functions::{rooms, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::LIST_ROOMS, rooms::list_rooms)
}
