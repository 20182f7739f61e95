"""The local web app. The room is empty in this release; the contact sheets of `physim generate` show each case."""
