use aura_functions::{ops, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::USAGE, ops::usage)
}
