use aura_functions::{auth, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::CREATE_API_KEY, auth::create_api_key)
}
