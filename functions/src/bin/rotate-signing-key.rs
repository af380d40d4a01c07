use aura_functions::{auth, serve};

fn main() -> Result<(), serve::Error> {
    serve::event(auth::ROTATION_NEEDS, auth::rotate_signing_key)
}
