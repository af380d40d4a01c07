use aura_functions::{auth, serve};

fn main() -> Result<(), serve::Error> {
    serve::event(auth::GRANT_NEEDS, auth::grant_admin)
}
