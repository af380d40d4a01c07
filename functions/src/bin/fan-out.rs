use aura_functions::{rooms, serve, socket_route};

fn main() -> Result<(), serve::Error> {
    serve::event(socket_route::FAN_OUT.needs, rooms::fan_out)
}
