use aura_functions::{ops, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::NO_ROUTE, ops::no_route)
}
