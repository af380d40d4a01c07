use aura_functions::{rooms, serve, socket_route};

fn main() -> Result<(), serve::Error> {
    serve::authorizer(socket_route::CONNECT.needs, rooms::connect)
}
