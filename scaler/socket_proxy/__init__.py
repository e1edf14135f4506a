"""Between the scaler and the Docker Engine: what the scaler needs, about workers of its cluster, and nothing else.

Access to the Docker socket is root access to the machine. So each request is read, checked against what is known, and
rewritten: unknown keys and values, and containers that are not workers of this cluster, do not exist.
"""
