use aura_functions::{auth, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::VERIFY, auth::verify)
}
