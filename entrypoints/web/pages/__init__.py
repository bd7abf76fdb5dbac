"""The pages for people, server-rendered over the same read models as the API; htmx keeps what is live up to date."""
