"""Real processes that are killed: by the system at any moment, or by themselves beside a commit; and what must hold after."""
