use aura_functions::{rooms, serve, socket_route};

fn main() -> Result<(), serve::Error> {
    serve::socket(socket_route::PULL, rooms::pull)
}
