"""Why demand is pending, why each worker stays, and what is out of the ordinary. Pure."""
