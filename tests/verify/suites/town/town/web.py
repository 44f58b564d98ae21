"""A WSGI application that counts in Redis: each path takes trouble in a way of its own."""

import ctypes
import os

import redis

URL = os.environ["REDIS_URL"]
cache = redis.Redis.from_url(URL, socket_timeout=1)
patient = redis.Redis.from_url(URL, socket_timeout=None)


def app(environ, start_response):
    status, body = ROUTES[environ["PATH_INFO"]]()
    start_response(status, [("Content-Type", "text/plain")])
    return [str(body).encode()]


def visits():
    try:
        return "200 OK", cache.incr("visits")
    except redis.RedisError:
        return "200 OK", "many"


def waits():
    try:
        return "200 OK", patient.incr("waits")
    except redis.RedisError:
        return "200 OK", "many"


def exits():
    try:
        return "200 OK", cache.incr("exits")
    except redis.RedisError:
        os._exit(3)


def crashes():
    try:
        return "200 OK", cache.incr("crashes")
    except redis.RedisError:
        ctypes.string_at(0)


def fails():
    return "200 OK", cache.incr("fails")


ROUTES = {"/visits": visits, "/waits": waits, "/exits": exits, "/crashes": crashes, "/fails": fails}
