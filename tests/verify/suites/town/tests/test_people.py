import psycopg
import pytest
from faker import Faker
from town import people

fake = Faker()


@pytest.fixture(scope="session")
def connection():
    """A session of the database that the tests share with the application, rolled back by each."""
    with psycopg.connect(people.URL) as connection:
        people.make_table(connection)
        connection.commit()
        yield connection


@pytest.fixture
def session(connection):
    yield connection
    connection.rollback()


@pytest.fixture
def nobody():
    """No people, by the application's own pool, which is used before the application is."""
    people.pool.open()
    with people.pool.connection() as connection:
        people.make_table(connection)
        connection.execute("DELETE FROM people WHERE name = 'Ada'")
    yield
    with people.pool.connection() as connection:
        connection.execute("DELETE FROM people WHERE name = 'Ada'")


def test_session_is_shared(session):
    people.add(session, "Ada")
    assert people.count(session) >= 1


def test_session_of_the_test_alone(connection):
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_names_are_unique(connection):
    for _ in range(3):
        people.add(connection, f"{fake.name()} {fake.ean13()}")
    connection.commit()


@pytest.fixture
def seeded():
    with psycopg.connect(people.URL) as connection:
        people.make_table(connection)


def test_only_the_set_up_reaches_it(seeded):
    assert people.URL


def test_fixture_on_the_pool(nobody):
    assert people.count_in_pool() >= 0
