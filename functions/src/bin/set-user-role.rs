use aura_functions::{auth, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::SET_USER_ROLE, auth::set_user_role)
}
