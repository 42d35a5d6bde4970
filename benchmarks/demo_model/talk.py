"""Everyday questions and answers made of patterns, beside those that are written out in everyday.jsonl.

Each pattern is asked about a few things, in two turns; what is said of a thing is true of it.
"""

import random
from collections.abc import Iterator

Turns = list[dict[str, str]]

OPENINGS = {
    "zh": ("", "", "你好，", "请问", "麻烦问一下，"),
    "en": ("", "", "Hi! ", "Hello, ", "Please tell me: "),
}
THANKS = {
    "zh": (
        ("谢谢！", "不客气！还有什么需要帮忙的吗？"),
        ("好的，我知道了，谢谢你。", "不用谢，祝你一切顺利！"),
        ("明白了。", "好的，有问题随时来问我。"),
    ),
    "en": (
        ("Thank you!", "You're welcome! Is there anything else I can help you with?"),
        ("Thanks, that helps a lot.", "I'm glad I could help. Have a nice day!"),
        ("Great, thanks.", "You're welcome. Just ask if you have more questions."),
    ),
}
# (question, answer), each with the names of a thing's fields.
PATTERNS: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "zh": {
        "food": (
            ("{0}怎么做才好吃？", "做{0}并不难。先把{1}洗干净，切好备用；锅里放油，油热了以后放进去，{2}，最后加一点盐就可以了。"),
            ("我想做{0}，要准备什么？", "做{0}需要准备{1}，还有油、盐和酱油。如果喜欢吃辣，可以再加一点辣椒。"),
            ("{0}要做多长时间？", "一般来说，{2}就可以了。时间太长，味道就不好了。"),
        ),
        "place": (
            ("去{0}玩几天比较合适？", "去{0}玩三到四天就差不多了。那里最有名的是{1}，{2}去最好，天气舒服，人也不太多。"),
            ("{0}有什么好玩的地方？", "{0}值得去的地方很多，比如{1}。你还可以尝一尝当地的小吃，晚上出去走一走。"),
            ("什么时候去{0}最好？", "{2}是去{0}最好的时候，气温合适，适合到处走走看看。"),
        ),
        "habit": (
            ("我想{0}，有什么建议吗？", "{0}其实不难，关键是坚持。建议你{1}。刚开始的时候不要着急，慢慢来，过一段时间就会看到效果。"),
            ("怎么才能{0}？", "可以从小事开始做起，比如{1}。另外，{2}也很有帮助。"),
            ("{0}有什么好处？", "好处很多：{2}，精神也会更好。只要每天花一点时间，就能慢慢做到。"),
        ),
        "trouble": (
            ("{0}，怎么办？", "别着急。先{1}；如果还是不行，就{2}。"),
            ("我遇到一个问题：{0}。", "这种情况很常见。你可以先{1}，看看有没有变化。还不行的话，建议你{2}。"),
        ),
        "word": (
            ("“{0}”是什么意思？", "“{0}”的意思是{1}。比如可以说：{2}"),
            ("请用“{0}”造一个句子。", "好的：{2}"),
            ("“{0}”用英语怎么说？", "“{0}”在英语里的意思要看上下文，它指的是{1}。"),
        ),
    },
    "en": {
        "food": (
            (
                "How do I make {0}?",
                "It's easy to make {0}. You need {1}. First wash and cut everything, then {2}. Add a little salt at the end, and it's ready.",
            ),
            ("What do I need for {0}?", "For {0} you need {1}. You can also add some herbs if you like."),
            ("How long does {0} take?", "Not long at all: just {2}, and you can serve it."),
        ),
        "place": (
            (
                "How many days should I spend in {0}?",
                "Three or four days are enough to see the best of {0}. Don't miss {1}. The best time to go is {2}.",
            ),
            (
                "What is there to see in {0}?",
                "There is a lot to see in {0}, such as {1}. In the evening you can walk around and try the local food.",
            ),
            (
                "When is the best time to visit {0}?",
                "The best time to visit {0} is {2}, when the weather is nice and it isn't too crowded.",
            ),
        ),
        "habit": (
            (
                "I want to {0}. Do you have any advice?",
                "That's a great goal. To {0}, you should {1}. Don't try to do everything at once; take small steps and you will see the results.",
            ),
            ("How can I {0}?", "Start with something small: {1}. It also helps to {2}."),
            ("Is it hard to {0}?", "It takes some time, but it isn't as hard as it seems. If you {1}, it will soon become a habit."),
        ),
        "trouble": (
            ("{0}. What should I do?", "Don't worry. First, {1}. If that doesn't work, {2}."),
            ("I have a problem: {0}.", "I'm sorry to hear that. You can {1} and see if it helps. Otherwise, {2}."),
        ),
        "word": (
            ('What does "{0}" mean?', 'The word "{0}" means {1}. For example: {2}'),
            ('Can you use "{0}" in a sentence?', "Sure: {2}"),
        ),
    },
}
THINGS: dict[str, dict[str, tuple[tuple[str, str, str], ...]]] = {
    "zh": {
        "food": (
            ("青椒炒肉", "青椒和猪肉", "大火炒三分钟"),
            ("土豆汤", "土豆、番茄和一点牛肉", "小火煮半个小时"),
            ("蒸鱼", "一条新鲜的鱼、葱和姜", "水开以后蒸八分钟"),
            ("炒白菜", "白菜和几瓣大蒜", "大火快炒两分钟"),
            ("鸡蛋面", "面条、鸡蛋和青菜", "水开后煮五分钟"),
            ("水果沙拉", "苹果、香蕉、橙子和酸奶", "拌匀以后放几分钟"),
        ),
        "place": (
            ("成都", "大熊猫基地和老街上的茶馆", "春天和秋天"),
            ("杭州", "西湖和湖边的茶园", "四月和十月"),
            ("西安", "古城墙和兵马俑博物馆", "秋天"),
            ("青岛", "海边的沙滩和老城区", "夏天"),
            ("昆明", "石林和翠湖公园", "一年四季"),
            ("南京", "古老的城门和安静的湖边公园", "春天"),
        ),
        "habit": (
            ("早起", "每天提前十分钟睡觉，把闹钟放得远一点", "白天的时间更多"),
            ("减肥", "少吃甜的和油的东西，每天走一万步", "身体会越来越轻松"),
            ("学弹吉他", "每天练习二十分钟，先学几个简单的和弦", "可以让自己放松"),
            ("记日记", "每天晚上写三句话，写下今天最开心的事", "能更了解自己"),
            ("少玩手机", "吃饭和睡觉的时候把手机放在另一个房间", "眼睛不会那么累"),
            ("学习编程", "从一个小程序开始，每天写几行代码", "能锻炼思考的能力"),
        ),
        "trouble": (
            ("电脑打不开了", "检查一下电源线有没有插好", "找专业的人看一看"),
            ("家里的网很慢", "把路由器关掉，等一分钟再打开", "打电话给网络公司"),
            ("衣服上有油渍", "涂一点洗洁精，轻轻搓一搓", "送到洗衣店去"),
            ("钥匙忘在家里了", "问问家里人什么时候回来", "找开锁的师傅，记得看他的证件"),
            ("快递一直没有收到", "在手机上查一下物流信息", "联系卖家或者快递员"),
            ("牙疼得厉害", "用温水漱口，不要吃太冷太热的东西", "尽快去看牙医"),
        ),
        "word": (
            ("一举两得", "做一件事得到两种好处", "骑车上班既锻炼身体又省钱，真是一举两得。"),
            ("半途而废", "事情没有做完就放弃了", "学习要坚持，不能半途而废。"),
            ("耐心", "心里不急躁，能慢慢等、慢慢做", "老师很有耐心，把问题讲了三遍。"),
            ("习惯", "长时间养成的、不容易改变的做法", "他有早睡早起的好习惯。"),
            ("环保", "保护我们周围的环境", "为了环保，我买菜的时候自己带袋子。"),
        ),
    },
    "en": {
        "food": (
            ("vegetable soup", "carrots, potatoes, an onion and some stock", "let it cook on low heat for twenty minutes"),
            ("fried rice", "cooked rice, two eggs and some green onions", "fry it in a hot pan for five minutes"),
            ("a fruit salad", "an apple, a banana, some grapes and yogurt", "mix it all and let it rest for a few minutes"),
            ("tomato pasta", "pasta, tomatoes, garlic and olive oil", "boil the pasta for ten minutes and stir in the sauce"),
            ("baked potatoes", "four large potatoes and some butter", "bake them in the oven for an hour"),
        ),
        "place": (
            ("Paris", "the museums and the small streets by the river", "spring"),
            ("Rome", "the old ruins and the fountains", "April or October"),
            ("Tokyo", "the temples, the gardens and the food markets", "when the cherry trees are in bloom"),
            ("London", "the parks, the theatres and the old bridge", "early summer"),
            ("Beijing", "the old palace and the Great Wall", "autumn"),
        ),
        "habit": (
            ("get up earlier", "go to bed ten minutes earlier every day", "put your alarm clock on the other side of the room"),
            ("read more books", "read ten pages before you go to sleep", "carry a book in your bag"),
            ("learn the guitar", "practice for twenty minutes every day", "play together with a friend"),
            ("eat less sugar", "drink water instead of soda", "keep some fruit and nuts at hand"),
            ("spend less time on my phone", "leave your phone in another room during meals", "turn off the messages you don't need"),
        ),
        "trouble": (
            ("my computer doesn't start", "check that the power cable is plugged in", "take it to a repair shop"),
            ("the internet at home is very slow", "turn the router off, wait a minute and turn it on again", "call your internet company"),
            ("there is a coffee stain on my shirt", "put some dish soap on it and rub it gently", "take it to the cleaner's"),
            ("I locked myself out of my apartment", "ask whether someone in your family has a key", "call a locksmith you can trust"),
            ("my package has not arrived", "check the tracking number online", "contact the seller and ask for help"),
        ),
        "word": (
            ("patient", "able to wait calmly", "She is very patient with her little brother."),
            ("borrow", "to take something and give it back later", "May I borrow your pen for a moment?"),
            ("crowded", "full of people", "The train was so crowded that we had to stand."),
            ("grateful", "feeling that you want to thank someone", "I am grateful for all your help."),
            ("delay", "to make something happen later", "The flight was delayed because of the snow."),
        ),
    },
}


def conversations(rng: random.Random) -> Iterator[Turns]:
    """Every pattern asked about every thing, once, some with a second question or with thanks."""
    for language, kinds in PATTERNS.items():
        for kind, patterns in kinds.items():
            for thing in THINGS[language][kind]:
                for question, answer in rng.sample(patterns, len(patterns)):
                    turns = [(rng.choice(OPENINGS[language]) + question.format(*thing), answer.format(*thing))]
                    if rng.random() < 0.3:
                        other = rng.choice(THINGS[language][kind])
                        question, answer = rng.choice(patterns)
                        turns.append((question.format(*other), answer.format(*other)))
                    if rng.random() < 0.3:
                        turns.append(rng.choice(THANKS[language]))
                    yield [
                        {"role": role, "content": text[:1].upper() + text[1:]}
                        for turn in turns
                        for role, text in zip(("user", "assistant"), turn, strict=True)
                    ]
