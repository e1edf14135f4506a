"""Why demand is pending, why each worker stays, and which anomalies there are. Pure."""
